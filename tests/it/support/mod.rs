//! What the tests stand on.

pub mod app;
pub mod axe;
pub mod browser;
mod chromedriver;
pub mod keys;
pub mod postgres;
pub mod smtp;

/// Runs the same test on both databases.
#[macro_export]
macro_rules! on_both {
    ($(async fn $name:ident($app:ident: &TestApp) $body:block)*) => {
        $(mod $name {
            use super::*;
            async fn run($app: &TestApp) $body
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                run(&TestApp::start(Database::Sqlite).await).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                run(&TestApp::start(Database::Postgres).await).await;
            }
        })*
    };
}
