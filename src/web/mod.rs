//! What every page and answer of the API is made with. Knows no room.

pub mod assets;
mod confirm;
pub mod cookies;
pub mod csv;
pub mod frame;
pub mod headers;
pub mod lists;
pub mod origin;
mod page_error;
mod problem;
pub mod reference;

pub use confirm::ConfirmPage;
pub use frame::{Choice, Flash, Frame, Kept, Link, Pager, SortHead, ViewFilter, ViewGroup, When};
pub use page_error::{ErrorPage, Interrupted, PageError, PageResult, interrupted, page, page_with_status, see_other};
pub use problem::{ApiJson, ApiQuery, ApiResult, Problem, ProblemBody};
