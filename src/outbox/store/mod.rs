//! What is known of mails besides where they stand: their tries, what came back, and whether mail flows at all.

pub mod flow;
pub mod history;
pub mod returned;
