use super::*;
use crate::key::Key;

fn peer(number: u16) -> Did {
    let mut seed = [0; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    Key::from_seed(&seed).did()
}

fn at(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn guard(peers: usize) -> Guard<u32> {
    Guard::new(Limits { peers, ..Limits::default() }, false)
}

#[test]
fn silent_callers_are_bounded_in_all_and_from_each_place() {
    let mut guard = guard(256);
    let from_one = (0..100).filter(|n| guard.arrives(*n, Some(at(1)), true, 0).is_ok()).count();
    assert_eq!(from_one, 32);
    let from_others = (100..1000).filter(|n| guard.arrives(*n, Some(at((n / 10) as u8)), true, 0).is_ok()).count();
    assert_eq!(from_others, 96);
    assert_eq!(guard.arrives(1000, Some(at(200)), true, 0), Err(Denied::Full));
    // Every other one fails, and makes room.
    (0..32).for_each(|n| guard.leaves(&n));
    assert_eq!(guard.arrives(1000, Some(at(1)), true, 0), Ok(()));
}

/// Whoever sends datagrams under others' addresses keeps nobody away who calls
/// by TCP.
#[test]
fn addresses_that_are_made_up_take_no_places_from_others() {
    let mut guard = guard(256);
    let spoofed = (0..1000).filter(|n| guard.arrives(*n, Some(at((n % 200) as u8)), false, 0).is_ok()).count();
    assert_eq!(spoofed, 128);
    let honest = (1000..2000).filter(|n| guard.arrives(*n, Some(at((n % 200) as u8)), true, 0).is_ok()).count();
    assert_eq!(honest, 128);
}

#[test]
fn strangers_leave_room_for_members_and_make_room_for_each_other() {
    let mut guard = guard(16);
    assert_eq!(guard.enters(1, peer(1), Some(at(1)), true, 0), Ok(None));
    assert_eq!(guard.enters(2, peer(2), Some(at(1)), true, 10), Ok(None));
    assert_eq!(guard.enters(3, peer(3), Some(at(1)), true, 10), Err(Denied::Place), "half of the four");
    assert_eq!(guard.enters(4, peer(4), Some(at(2)), true, 10), Ok(None));
    assert_eq!(guard.enters(5, peer(5), Some(at(3)), true, 10), Ok(None));
    assert_eq!(guard.enters(6, peer(6), Some(at(4)), true, 10), Err(Denied::Strangers), "they have just come");
    assert_eq!(guard.enters(6, peer(6), Some(at(4)), true, STRANGERS_STAY_MS), Ok(Some(1)));
    guard.leaves(&1);
    for member in 10..22 {
        guard.stands(peer(member), Admission::Member);
        assert_eq!(guard.enters(member.into(), peer(member), Some(at(1)), true, 0), Ok(None), "{member}");
    }
    guard.stands(peer(30), Admission::Member);
    assert_eq!(guard.enters(30, peer(30), Some(at(9)), true, 0), Err(Denied::Full));
    assert_eq!(guard.enters(31, peer(30), Some(at(9)), false, 0), Ok(None), "those we call are counted apart");
}

#[test]
fn one_peer_has_two_connections_and_a_revoked_one_none() {
    let mut guard = guard(16);
    guard.stands(peer(1), Admission::Member);
    assert_eq!(guard.enters(1, peer(1), Some(at(1)), true, 0), Ok(None));
    assert_eq!(guard.enters(2, peer(1), Some(at(1)), false, 0), Ok(None));
    assert_eq!(guard.enters(3, peer(1), Some(at(1)), true, 0), Err(Denied::Peer));
    assert_eq!(guard.stands(peer(1), Admission::Revoked), [1, 2]);
    for connection in [1, 2] {
        guard.leaves(&connection);
    }
    for incoming in [true, false] {
        assert_eq!(guard.enters(4, peer(1), Some(at(1)), incoming, 0), Err(Denied::Revoked));
    }
    assert!(!guard.is_member(&peer(1)));
    // Whose enrolment has run out comes back as a stranger.
    guard.stands(peer(2), Admission::Member);
    assert_eq!(guard.enters(5, peer(2), Some(at(1)), true, 0), Ok(None));
    assert_eq!(guard.stands(peer(2), Admission::Stranger), [5]);
    guard.leaves(&5);
    assert_eq!(guard.enters(6, peer(2), Some(at(1)), true, 0), Ok(None));
    assert_eq!(guard.stands(peer(2), Admission::Stranger), [0; 0], "what it was already");
    assert_eq!(guard.stands(peer(2), Admission::Member), [0; 0]);
}

#[test]
fn bad_peers_are_shut_out_for_a_while_and_their_place_after_several() {
    let mut guard = guard(64);
    guard.stands(peer(100), Admission::Member);
    guard.enters(100, peer(100), Some(at(1)), true, 0).expect("a member");
    let bad = |guard: &mut Guard<u32>, number: u16| {
        let closed: Vec<_> = (0..100).map(|_| guard.blames(peer(number), Offence::Frame, 0)).collect();
        closed.into_iter().find(|closed| !closed.is_empty())
    };
    for stranger in 0..3_u16 {
        guard.enters(stranger.into(), peer(stranger), Some(at(1)), true, 0).expect("room");
        assert_eq!(bad(&mut guard, stranger), Some(vec![stranger.into()]));
        guard.leaves(&stranger.into());
        assert_eq!(guard.enters(50, peer(stranger), Some(at(2)), true, 0), Err(Denied::Banned), "from anywhere");
    }
    guard.enters(60, peer(60), Some(at(1)), true, 0).expect("the place is still good");
    guard.enters(3, peer(3), Some(at(1)), true, 0).expect("the place is still good");
    assert_eq!(bad(&mut guard, 3), Some(vec![3, 60]), "one too many: all strangers of the place");
    for connection in [3, 60] {
        guard.leaves(&connection);
    }
    assert_eq!(guard.enters(61, peer(61), Some(at(1)), true, 0), Err(Denied::Banned));
    guard.stands(peer(101), Admission::Member);
    assert_eq!(guard.enters(62, peer(101), Some(at(1)), true, 0), Ok(None), "members come from there as before");
    assert_eq!(guard.enters(63, peer(63), Some(at(2)), true, 0), Ok(None), "and strangers from elsewhere");
    let later = 2 * 3_600_000;
    assert_eq!(guard.enters(64, peer(61), Some(at(1)), true, later), Ok(None), "not for ever");
    assert_eq!(guard.enters(65, peer(0), Some(at(2)), true, later), Ok(None));
    // A member that misbehaves goes as well, its neighbours stay.
    assert_eq!(bad(&mut guard, 100), Some(vec![100]));
}

#[test]
fn short_of_memory_strangers_go_and_members_stay() {
    let mut guard = guard(64);
    guard.stands(peer(1), Admission::Member);
    guard.enters(1, peer(1), Some(at(1)), true, 0).expect("room");
    guard.enters(2, peer(2), Some(at(2)), true, 0).expect("room");
    guard.enters(3, peer(3), Some(at(3)), false, 0).expect("one that we called");
    assert_eq!(guard.holds(256 << 20), [0; 0]);
    assert_eq!(guard.holds((256 << 20) + 1), [2]);
    assert_eq!(guard.enters(4, peer(4), Some(at(4)), true, 0), Err(Denied::Memory));
    guard.stands(peer(5), Admission::Member);
    assert_eq!(guard.enters(5, peer(5), Some(at(5)), true, 0), Ok(None));
    guard.holds(1);
    assert_eq!(guard.enters(4, peer(4), Some(at(4)), true, 0), Ok(None));
}

#[test]
fn a_network_of_ipv6_is_one_place() {
    let same =
        ["2001:db8::1", "2001:db8::ffff:1:2:3", "2001:db8:0:0:1::"].map(|text| place(text.parse().expect("one")));
    assert!(same.iter().all(|place| *place == same[0]));
    assert_ne!(place("2001:db8:0:1::1".parse().expect("one")), same[0]);
    assert_eq!(place("::ffff:192.0.2.1".parse().expect("one")), IpAddr::from([192, 0, 2, 1]));
}
