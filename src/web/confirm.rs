//! The page that asks before something that cannot be taken back, where script does not ask.

use askama::Template;

use super::Frame;

/// A question with one button for yes, and a way back.
#[derive(Template)]
#[template(path = "confirm.html")]
pub struct ConfirmPage {
    /// The frame.
    pub frame: Frame,
    /// The question.
    pub heading: String,
    /// What will happen.
    pub text: String,
    /// To whom or what.
    pub items: Vec<String>,
    /// Where yes is posted to.
    pub action: String,
    /// What is posted.
    pub hidden: Vec<(String, String)>,
    /// The button's words.
    pub button: String,
    /// Whether the button warns.
    pub danger: bool,
    /// Where no leads.
    pub cancel: String,
}
