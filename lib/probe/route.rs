//! The kernel's routing tables as text → the interfaces that routes leave by,
//! the default routes first. Pure.
//!
//! Must not know what an interface is.

const UP: u32 = 0x1;
const REJECT: u32 = 0x200;

/// One usable route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub interface: String,
    pub is_default: bool,
    metric: u32,
}

/// `/proc/net/route` and `/proc/net/ipv6_route` → routes in the order in which
/// they count: default ones first, IPv4 before IPv6, the lower metric first.
pub(super) fn routes(v4: &str, v6: &str) -> Vec<Route> {
    let mut routes: Vec<Route> = v4.lines().skip(1).filter_map(v4_line).collect();
    routes.sort_by_key(|route| route.metric);
    let mut others: Vec<Route> = v6.lines().filter_map(v6_line).collect();
    others.sort_by_key(|route| route.metric);
    routes.append(&mut others);
    routes.sort_by_key(|route| !route.is_default);
    routes
}

/// Iface, Destination, Gateway, Flags, RefCnt, Use, Metric, Mask, …
fn v4_line(line: &str) -> Option<Route> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [interface, destination, _, flags, _, _, metric, mask, ..] = fields[..] else { return None };
    usable(flags)?;
    let is_default = is_zero(destination) && is_zero(mask);
    Some(Route { interface: interface.to_owned(), is_default, metric: metric.parse().ok()? })
}

/// Destination, its length, source, its length, next hop, metric, references,
/// use, flags, interface; all numbers hexadecimal.
fn v6_line(line: &str) -> Option<Route> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [destination, length, _, _, _, metric, _, _, flags, interface] = fields[..] else { return None };
    usable(flags)?;
    let is_default = is_zero(destination) && is_zero(length);
    Some(Route { interface: interface.to_owned(), is_default, metric: u32::from_str_radix(metric, 16).ok()? })
}

fn usable(flags: &str) -> Option<()> {
    let flags = u32::from_str_radix(flags, 16).ok()?;
    (flags & UP != 0 && flags & REJECT == 0).then_some(())
}

fn is_zero(hex: &str) -> bool {
    !hex.is_empty() && hex.bytes().all(|byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

    fn names(v4: &str, v6: &str) -> Vec<(String, bool)> {
        routes(&format!("{HEAD}{v4}"), v6).into_iter().map(|route| (route.interface, route.is_default)).collect()
    }

    #[test]
    fn the_default_route_of_the_lowest_metric_is_first() {
        let v4 = "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
                  wlan0\t00000000\t010200C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
                  eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
                  gone\t00000000\t010200C0\t0002\t0\t0\t1\t00000000\t0\t0\t0\n";
        let want = [("eth0", true), ("wlan0", true), ("docker0", false)];
        assert_eq!(names(v4, ""), want.map(|(name, default)| (name.to_owned(), default)));
    }

    #[test]
    fn an_ipv6_default_counts_after_ipv4_and_unreachable_ones_never() {
        let zeros = "0".repeat(32);
        let v6 = format!(
            "{zeros} 00 {zeros} 00 {zeros} ffffffff 00000001 00000000 00200200       lo\n\
             fe800000000000000000000000000000 40 {zeros} 00 {zeros} 00000100 00000002 00000000 00000001     eth1\n\
             {zeros} 00 {zeros} 00 fd000000000000000000000000000001 00000400 00000002 00000000 00000003     eth0\n"
        );
        assert_eq!(names("", &v6), [("eth0".to_owned(), true), ("eth1".to_owned(), false)]);
        let v4 = "wlan0\t00000000\t010200C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n";
        assert_eq!(names(v4, &v6)[0].0, "wlan0");
    }

    #[test]
    fn what_is_no_table_is_no_route() {
        assert_eq!(names("eth0\n\teth0 x y z\n\u{fffd}", "a b c d e f g h i j\n"), []);
    }
}
