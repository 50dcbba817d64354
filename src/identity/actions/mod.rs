//! What people do with their accounts: sign in and out, prove that it is them, make keys.

mod accounts;
mod interrupted;
mod keys;
pub mod notices;
mod reset;
mod second_factor;
mod sessions;
mod sign_in;
mod tries;

use std::time::Duration;

pub use accounts::{
    HashedPassword, account_of, act_from_terminal, address_of, any_account, create_account, find_account,
    hash_password, name_of,
};
pub use interrupted::{Form, keep_form, take_form, waiting_form};
pub use keys::{authenticate_key, list_api_keys, make_api_key, revoke_api_key};
pub use reset::{
    Change, OpenReset, answer_reset_requests, ask_for_reset, change_password, find_reset, may_still_reset,
    reset_password, start_reset,
};
pub use second_factor::{
    Offer, SetUp, Who, add_authenticator, code_in_demonstration, factors_of, give_code, make_recovery_codes,
    offer_authenticator, prove_again,
};
pub use sessions::{
    authenticate_session, begin_session, end_access, forget_dead_sessions, give_up, sign_out, time_left,
};
pub use sign_in::sign_in;
pub use tries::{count_wrong_slip, forget_slip, forget_spoken, try_slip, try_spoken};

/// What is only for showing when something was last used is written at most once a minute.
const TOUCH_AFTER: Duration = Duration::from_secs(60);
