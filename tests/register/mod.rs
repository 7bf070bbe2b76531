//! `agentid-register` and `agentid-resolve`: a Leader's folder, hosts that sign
//! requests, and what becomes of them.

mod abuse;
mod bad;
pub mod fixture;
mod flow;
mod manage;
mod resolve;
