//! What axe-core has to say about the accessibility of a page.
//!
//! `./test` installs axe-core and names its file in `CARE_PORTAL_AXE`. Without the file the tests
//! fail; they never skip.

#![allow(dead_code, reason = "a set of tools: which of them the tests use changes")]

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::browser::Browser;

#[derive(Debug, Deserialize)]
pub struct Violation {
    /// The name of axe-core's rule, such as `color-contrast`.
    pub id: String,
    /// `minor`, `moderate`, `serious` or `critical`.
    #[serde(default)]
    pub impact: String,
    /// What the rule asks for.
    pub help: String,
    /// The elements that break it: selector, source, and what is wrong with each.
    pub nodes: Vec<String>,
}

/// All rule violations of the page as it is shown now. Needs no leave of the page: what WebDriver
/// runs is subject neither to its content security policy nor to Trusted Types. But a browser that was
/// opened without scripts cannot run axe-core either.
pub async fn axe(browser: &Browser) -> Vec<Violation> {
    // Target size (WCAG 2.5.8) is the one AA rule that axe-core leaves off by itself.
    const RUN: &str = r"
        const options = { resultTypes: ['violations'], rules: { 'target-size': { enabled: true } } };
        return window.axe.run(document, options).then(({ violations }) => violations.map(
            ({ id, impact, help, nodes }) => ({
                id, help, impact: impact ?? '',
                nodes: nodes.map(({ target, html, failureSummary }) =>
                    `${target.join(' ')}: ${html}: ${failureSummary}`),
            })
        ));";
    let file = file();
    let source = std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("no axe-core at {}: {error}; run ./test, which installs it", file.display()));
    let violations = browser.eval(&format!("{source};{RUN}")).await;
    serde_json::from_value(violations).expect("axe-core's violations")
}

/// The violations that keep somebody from using the page: a page must have none.
pub async fn serious_violations(browser: &Browser) -> Vec<Violation> {
    let mut violations = axe(browser).await;
    violations.retain(|violation| ["serious", "critical"].contains(&violation.impact.as_str()));
    violations
}

fn file() -> PathBuf {
    std::env::var_os("CARE_PORTAL_AXE")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/node_modules/axe-core/axe.min.js"))
}
