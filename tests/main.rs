//! Every command as users run it: one module per command or behaviour.
mod agentid;
mod agentid_hash;
mod cooee_key;
mod cooee_pub;
mod cooee_sub;
mod enrol;
mod hwprobe;
mod install;
mod manual;
mod node;
mod opening;
mod register;
mod requests;
mod seal;
mod shell;
mod surroundings;
mod trust;
