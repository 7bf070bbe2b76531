//! One question to Linux's rtnetlink: the address that a card came with.
//!
//! sysfs shows only the address in use; the kernel keeps the permanent one
//! since 5.6 and tells it to anybody (rtnetlink(7), IFLA_PERM_ADDRESS). Must
//! not know which card is asked for, or why.

use super::mac::Mac;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const NLM_F_REQUEST: u16 = 1;
const IFLA_PERM_ADDRESS: u16 = 54;
/// The upper bits of an attribute's type are flags.
const TYPE_MASK: u16 = 0x3fff;
/// A message's header and a link's own, before the attributes.
const HEADER_BYTES: usize = 32;
/// A link's message has some 2 KB; with many virtual functions more.
const REPLY_BYTES: usize = 64 * 1024;

/// The permanent address of the interface with this index; `None` if it has
/// none, or the kernel is too old to tell.
pub(super) fn permanent_address(index: u32) -> Option<Mac> {
    // Protocol 0 is NETLINK_ROUTE.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None).ok()?;
    sendto(&socket, &request(index), SendFlags::empty(), &SocketAddrNetlink::new(0, 0)).ok()?;
    let mut reply = vec![0; REPLY_BYTES];
    // The kernel has queued its answer when `sendto` returns.
    let (_, length) = recv(&socket, reply.as_mut_slice(), RecvFlags::DONTWAIT).ok()?;
    address_in(reply.get(..length)?)
}

/// `nlmsghdr`, then `ifinfomsg`, in this machine's byte order.
fn request(index: u32) -> [u8; HEADER_BYTES] {
    let mut message = [0; HEADER_BYTES];
    message[0..4].copy_from_slice(&(HEADER_BYTES as u32).to_ne_bytes());
    message[4..6].copy_from_slice(&RTM_GETLINK.to_ne_bytes());
    message[6..8].copy_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    message[20..24].copy_from_slice(&index.to_ne_bytes());
    message
}

fn address_in(reply: &[u8]) -> Option<Mac> {
    let pair = |bytes: &[u8]| Some(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
    let length = u32::from_ne_bytes(reply.get(..4)?.try_into().ok()?) as usize;
    if pair(&reply[4..])? != RTM_NEWLINK {
        return None;
    }
    let mut attributes = reply.get(HEADER_BYTES..length)?;
    // Each: its length with this header, its type, its value, padded to four.
    while let (Some(length), Some(kind)) = (pair(attributes), attributes.get(2..).and_then(pair)) {
        let value = attributes.get(4..usize::from(length))?;
        if kind & TYPE_MASK == IFLA_PERM_ADDRESS {
            return Mac::from_bytes(value);
        }
        attributes = attributes.get(usize::from(length).next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_kernel_tells_what_sysfs_shows_for_cards_as_they_came() {
        let text =
            |name: &str, file: &str| fs::read_to_string(format!("/sys/class/net/{name}/{file}")).unwrap_or_default();
        for entry in fs::read_dir("/sys/class/net").expect("Linux").flatten() {
            let name = entry.file_name().into_string().expect("a name");
            let index = text(&name, "ifindex").trim().parse().expect("an index");
            let told = permanent_address(index);
            if entry.path().join("device").exists() && text(&name, "addr_assign_type").trim() == "0" {
                assert_eq!(told, Mac::read(&text(&name, "address")), "{name}");
            } else if name == "lo" {
                assert_eq!(told, None);
            }
        }
        assert_eq!(permanent_address(u32::MAX >> 1), None);
    }

    #[test]
    fn a_reply_is_read_to_its_attribute_and_never_beyond() {
        let mut reply = request(1);
        reply[4..6].copy_from_slice(&RTM_NEWLINK.to_ne_bytes());
        let mut reply = reply.to_vec();
        let mut attribute = |kind: u16, value: &[u8]| {
            reply.extend_from_slice(&(4 + value.len() as u16).to_ne_bytes());
            reply.extend_from_slice(&kind.to_ne_bytes());
            reply.extend_from_slice(value);
            reply.resize(reply.len().next_multiple_of(4), 0);
        };
        attribute(3, b"eth0\0");
        attribute(IFLA_PERM_ADDRESS, &[0xa0, 0x36, 0x9f, 0, 0, 1]);
        let length = reply.len();
        reply[0..4].copy_from_slice(&(length as u32).to_ne_bytes());
        assert_eq!(address_in(&reply), Mac::read("a0369f000001"));
        for cut in 0..length - 2 {
            assert_eq!(address_in(&reply[..cut]), None);
            let mut short = reply[..cut].to_vec();
            if cut >= 4 {
                short[0..4].copy_from_slice(&(cut as u32).to_ne_bytes());
            }
            assert_eq!(address_in(&short), None, "cut at {cut}");
        }
        // An attribute that says it has no length must not be read for ever.
        reply[HEADER_BYTES..HEADER_BYTES + 2].copy_from_slice(&0_u16.to_ne_bytes());
        assert_eq!(address_in(&reply), None);
    }
}
