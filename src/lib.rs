//! Care Portal: one web portal where care teams follow patients and manage each other's access.
//!
//! Read `ARCHITECTURE.md` first: it tells the flows and the laws. Each room (a folder) holds one feature from its pages to its
//! SQL; `app.rs` puts them together.

pub mod access;
pub mod app;
pub mod audit;
pub mod bounces;
pub mod cli;
pub mod config;
pub mod contact;
pub mod crash;
pub mod db;
pub mod demo;
pub mod emergency;
pub mod error;
pub mod exports;
pub mod fhir;
pub mod gather;
pub mod hashers;
pub mod identity;
pub mod imports;
pub mod invitations;
pub mod keys;
pub mod notes;
pub mod op;
pub mod outbox;
pub mod patients;
pub mod plans;
pub mod portal;
pub mod programmes;
pub mod readings;
pub mod reviews;
pub mod roles;
pub mod sites;
pub mod staff;
pub mod types;
pub mod web;
