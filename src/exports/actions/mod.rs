//! Asking for an export, making it, downloading it, and wiping it.

mod ask;
mod download;
mod make;
mod work;

pub use ask::{Asked, ask_for_export, my_exports, show_export};
pub use download::{Download, begin_download, wipe_ended};
pub use work::{make_one, run};

use std::time::Duration;

/// For how long a file can be downloaded.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
