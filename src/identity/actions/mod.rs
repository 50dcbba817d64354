//! What people do with their accounts: sign in and out, prove that it is them, make keys.

mod accounts;
mod browsers;
mod ceremonies;
mod interrupted;
mod keys;
mod locked_out;
mod new_passkey;
pub mod notices;
mod passkeys;
mod profile;
mod reset;
mod second_factor;
mod sessions;
mod sign_in;
mod tries;

use std::time::Duration;

pub use accounts::{
    HashedPassword, account_of, act_from_terminal, act_later, address_of, any_account, create_account, find_account,
    hash_password, means_of, name_of,
};
pub use browsers::{
    OwnSession, TrustedBrowser, end_other_sessions, end_session, list_sessions, list_trusted_browsers, stop_trusting,
    stop_trusting_all,
};
pub use ceremonies::{
    Answer, Challenge, forget_old_ceremonies, give_passkey, prove_by_passkey, sign_in_by_passkey, start_proof,
    start_second_factor, start_sign_in,
};
pub use interrupted::{Form, keep_form, take_form, waiting_form};
pub use keys::{authenticate_key, list_api_keys, make_api_key, revoke_api_key};
pub use locked_out::{TakenAway, factors_in, take_factors_away};
pub use new_passkey::{add_passkey, start_passkey};
pub use passkeys::{list_passkeys, remove_authenticator, remove_passkey, rename_passkey};
pub use profile::{
    Details, OwnFactors, PasswordChange, change_details, change_own_password, change_units, hidden_columns_of,
    hide_columns, own_details, own_factors, parse_phone, units_of,
};
pub use reset::{
    Change, OpenReset, answer_reset_requests, ask_for_reset, change_password, find_reset, mail_reset_for,
    may_still_reset, reset_password, start_reset,
};
pub use second_factor::{
    Offer, SetUp, Who, add_authenticator, codes_in_demonstration, factors_of, give_code, make_recovery_codes,
    offer_authenticator, prove_again,
};
pub use sessions::{
    authenticate_session, begin_session, end_access, forget_dead_sessions, give_up, sign_out, time_left,
};
pub use sign_in::sign_in;
pub use tries::{count_wrong_slip, forget_slip, forget_spoken, try_slip, try_spoken};

/// What is only for showing when something was last used is written at most once a minute.
const TOUCH_AFTER: Duration = Duration::from_secs(60);
