//! The whole suite in one program: through the doors, on SQLite and on PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that fails must stop"
)]

mod support;

mod access_from;
mod access_log;
mod access_log_pages;
mod after_sending;
mod api;
mod appointments;
mod bounces;
mod browser;
mod browser_access_log;
mod browser_account;
mod browser_emergency;
mod browser_exports;
mod browser_imports;
mod browser_mail;
mod browser_markup;
mod browser_pages;
mod browser_passkeys;
mod browser_patient_pages;
mod browser_patients;
mod browser_plans;
mod browser_profile;
mod browser_programme;
mod browser_reset;
mod browser_review;
mod browser_roles;
mod browser_session;
mod browser_staff;
mod browser_telemedicine;
mod cli;
mod cli_access;
mod cli_batches;
mod cli_plans;
mod cli_staff;
mod decisions;
mod disowned;
mod emergency;
mod exports;
mod fhir;
mod fields;
mod flags;
mod forgot;
mod fuzz;
mod grant_laws;
mod grant_rule;
mod headers;
mod held;
mod histories;
mod hostile_files;
mod house;
mod imports;
mod inviting;
mod joining;
mod kills;
mod last_tries;
mod limits;
mod locked_out;
mod mail;
mod mail_faults;
mod mail_life;
mod mail_limits;
mod marked;
mod marked_patient;
mod matrix;
mod matrix_routes;
mod model;
mod notices;
mod own_passkeys;
mod passkeys;
mod patient_list;
mod patient_pages;
mod patient_plans;
mod patient_work;
mod pending;
mod planning;
mod plans;
mod profile;
mod programme;
mod races;
mod reminders;
mod reset;
mod reviews;
mod roles;
mod second_factor;
mod second_look;
mod seen;
mod settings;
mod signing_in;
mod slips;
mod staff;
mod staff_endings;
mod step_up;
mod tampering;
mod telemedicine;
mod two_nodes;
mod web_sweep;
