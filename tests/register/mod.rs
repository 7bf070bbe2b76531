//! `agentid-register` and `agentid-resolve`: a Leader's folder, hosts that sign
//! requests, and what becomes of them.

pub mod fixture;
mod flow;
mod resolve;
