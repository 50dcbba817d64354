//! What can be done with plans.

mod apply;
mod decide;
mod make;
mod schedule;
mod sense;
mod show;
mod suggest;
mod work;

pub use super::store::{Found, Query};
pub use apply::{apply_chunk, start_plan};
pub use decide::{decide_rows, delete_plan};
pub use make::make_plan;
pub use schedule::{schedule_plan, unschedule_plan};
pub use show::{count_rows, list_plans, list_rows, show_plan, show_progress};
pub use suggest::{Suggested, changes_domain_only, take_suggestions};
pub use work::{run, send_plan, work_through};
