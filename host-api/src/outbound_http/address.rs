//! Which addresses a name may lead to. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address belongs to the public internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// A unicast address that anyone may reach.
    Public,
    /// Anything else: this machine, a private network, a group, a reserved range, or an IPv6 form that
    /// carries another address inside.
    NotPublic,
}

/// IPv4 ranges that are not public: the registry of special-purpose addresses, groups and reserved space.
const NOT_PUBLIC_V4: [(Ipv4Addr, u32); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),        // this network; Linux dials itself
    (Ipv4Addr::new(10, 0, 0, 0), 8),       // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),    // carrier-grade NAT, overlay networks, some metadata services
    (Ipv4Addr::new(127, 0, 0, 0), 8),      // loopback
    (Ipv4Addr::new(168, 63, 129, 16), 32), // the platform address of a large cloud, reachable from its machines
    (Ipv4Addr::new(169, 254, 0, 0), 16),   // link-local, metadata services
    (Ipv4Addr::new(172, 16, 0, 0), 12),    // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),     // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation
    (Ipv4Addr::new(192, 31, 196, 0), 24),  // AS112
    (Ipv4Addr::new(192, 52, 193, 0), 24),  // automatic multicast tunnels
    (Ipv4Addr::new(192, 88, 99, 0), 24),   // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),   // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),    // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 3),      // groups, reserved, broadcast
];

/// Stretches of the public IPv6 unicast space, 2000::/3, that are not public all the same.
const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 5] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments: Teredo, benchmarks, ORCHID
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4 carries an IPv4 address
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48), // AS112
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// The only space from which public IPv6 unicast addresses are given out. Loopback, link-local, unique local,
/// groups, IPv4-mapped and -compatible, and NAT64 all lie outside.
const PUBLIC_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Says whether a name may lead to that address.
pub(super) fn reach(address: IpAddr) -> Reach {
    let public = match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|range| in_v4(address, *range)),
        IpAddr::V6(address) => {
            in_v6(address, PUBLIC_V6)
                && !NOT_PUBLIC_V6.iter().any(|range| in_v6(address, *range))
                && !is_embedded_isatap(address)
        }
    };
    if public { Reach::Public } else { Reach::NotPublic }
}

/// ISATAP tunnels carry an IPv4 address under any prefix.
fn is_embedded_isatap(address: Ipv6Addr) -> bool {
    let [.., a, b, _, _] = address.segments();
    (a == 0 || a == 0x0200) && b == 0x5efe
}

fn in_v4(address: Ipv4Addr, (network, prefix): (Ipv4Addr, u32)) -> bool {
    let shift = u32::BITS - prefix;
    address.to_bits() >> shift == network.to_bits() >> shift
}

fn in_v6(address: Ipv6Addr, (network, prefix): (Ipv6Addr, u32)) -> bool {
    let shift = u128::BITS - prefix;
    address.to_bits() >> shift == network.to_bits() >> shift
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn table_of_addresses() {
        let not_public = "\
             0.0.0.0 0.1.2.3 10.0.0.0 10.255.255.255 100.64.0.0 100.100.100.200 100.127.255.255 127.0.0.1 \
             127.255.255.255 168.63.129.16 169.254.0.0 169.254.169.254 172.16.0.0 172.31.255.255 192.0.0.1 \
             192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.0 192.168.255.255 198.18.0.0 198.19.255.255 \
             198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 \
             ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::8.8.8.8 \
             64:ff9b:1::a00:1 100::1 2001::1 2001:0:53aa:64c:0:0:80ff:fffe 2001:1ff:ffff::1 2001:db8::1 \
             2002:7f00:1:: 2002:808:808::1 2620:4f:8000::1 3fff::1 3fff:fff:ffff::1 fc00::1 fd00:ec2::254 \
             fdff::1 fe80::1 febf::1 fec0::1 ff02::1 ffff::1 4000::1 5f00::1 2606:4700::5efe:7f00:1 \
             2606:4700::200:5efe:a00:1";
        let public = "\
             1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 \
             168.63.129.15 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 \
             198.17.255.255 198.20.0.0 223.255.255.255 2000::1 2001:200::1 2001:4860:4860::8888 2001:db7::1 \
             2001:db9::1 2003::1 2606:4700:4700::1111 3ffe::1 2a00:1450:4001:81b::200e";
        for (expected, addresses) in [(Reach::NotPublic, not_public), (Reach::Public, public)] {
            for address in addresses.split_whitespace() {
                assert_eq!(reach(address.parse().unwrap()), expected, "{address}");
            }
        }
    }

    proptest! {
        /// Whatever std knows to be special is never public, at any address.
        #[test]
        fn no_special_v4_address_is_public(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            let special = address.is_private() || address.is_loopback() || address.is_link_local()
                || address.is_broadcast() || address.is_documentation() || address.is_multicast()
                || address.is_unspecified();
            prop_assert!(!special || reach(address.into()) == Reach::NotPublic);
        }

        #[test]
        fn no_v6_address_that_carries_a_v4_address_is_public(bits: u32) {
            let v4 = Ipv4Addr::from_bits(bits);
            let [a, b, c, d] = v4.octets().map(u128::from);
            let inner = (a << 24) | (b << 16) | (c << 8) | d;
            let carriers = [
                v4.to_ipv6_mapped(),
                v4.to_ipv6_compatible(),
                Ipv6Addr::from_bits((0x64_ff9b << 96) | inner),
                Ipv6Addr::from_bits((0x2002 << 112) | (inner << 80)),
                Ipv6Addr::from_bits((0x2001_0000 << 96) | (!inner & 0xffff_ffff)),
            ];
            for carrier in carriers {
                prop_assert_eq!(reach(carrier.into()), Reach::NotPublic, "{}", carrier);
            }
        }
    }
}
