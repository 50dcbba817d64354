//! What the tests stand on.

pub mod app;
pub mod axe;
pub mod browser;
mod chromedriver;
pub mod device;
pub mod keys;
pub mod patients;
pub mod postgres;
pub mod smtp;

/// Runs the same test on both databases, in a portal that is reached by a name, as passkeys need it.
#[macro_export]
macro_rules! on_both_by_name {
    ($(async fn $name:ident($app:ident: &TestApp) $body:block)*) => {
        $(mod $name {
            use super::*;
            async fn run($app: &TestApp) $body
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                run(&TestApp::start_by_name(Database::Sqlite).await).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                run(&TestApp::start_by_name(Database::Postgres).await).await;
            }
        })*
    };
}

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
