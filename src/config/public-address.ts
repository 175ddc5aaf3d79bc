import { promises as dns, lookup as dnsLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { BlockList, isIP } from 'node:net';

/** What is not on the public internet: IANA's special-purpose registries, without those that only document. */
const NOT_PUBLIC = new BlockList();
for (const [network, prefix] of [
  ...([
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
  ] as const),
  ...([
    ['172.16.0.0', 12],
    ['192.0.0.0', 24],
    ['192.168.0.0', 16],
    ['198.18.0.0', 15],
    ['224.0.0.0', 3],
  ] as const),
] as const) {
  NOT_PUBLIC.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  ...([
    ['::', 128],
    ['::1', 128],
    ['64:ff9b::', 96],
    ['64:ff9b:1::', 48],
    ['100::', 64],
  ] as const),
  ...([
    ['2001::', 23],
    ['2002::', 16],
    ['fc00::', 7],
    ['fe80::', 10],
    ['fec0::', 10],
    ['ff00::', 8],
  ] as const),
] as const) {
  NOT_PUBLIC.addSubnet(network, prefix, 'ipv6');
}

/** True for addresses of this machine and of private networks, which nobody outside may have us ask. */
export function isPrivateAddress(address: string): boolean {
  return NOT_PUBLIC.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** Why a message may not be sent to an address, if so: what it names is on a private network. A name that is not known
 *  yet may be. @param privateHosts those that may be asked all the same */
export async function refusalOfUrl(url: string, privateHosts: string[]): Promise<string | undefined> {
  const host = hostOf(url);
  if (privateHosts.includes(host)) return undefined;
  const addresses = isIP(host) ? [{ address: host }] : await dns.lookup(host, { all: true }).catch(() => []);
  const found = addresses.find(({ address }) => isPrivateAddress(address));
  return found && privateMessage(host, found.address);
}

/** The host as DNS knows it: without the brackets of IPv6. */
export function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
}

/** Thrown into a connection that would have led to a private network. */
export class PrivateAddressError extends Error {}

type Answered = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

/** DNS as `net.connect` wants it, that fails for names of private networks. What is checked is what is connected to, so
 *  a name that changes its mind between the two changes nothing. */
export function publicLookup(host: string, options: LookupOptions, answer: Answered): void {
  dnsLookup(host, { ...options, all: true }, (error, addresses) => {
    if (error) return answer(error, '');
    const found = addresses.find(({ address }) => isPrivateAddress(address));
    if (found) return answer(new PrivateAddressError(privateMessage(host, found.address)), '');
    if (options.all) return answer(null, addresses);
    answer(null, addresses[0]!.address, addresses[0]!.family);
  });
}

function privateMessage(host: string, address: string): string {
  return host === address
    ? `${host} is an address of a private network`
    : `${host} is ${address}, an address of a private network`;
}
