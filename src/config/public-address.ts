import { promises as dns, lookup as dnsLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** The part of IPv6 that is given to the public internet: RFC 4291, section 2.4, and IANA's address space registry. */
const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3');
/** Public by its number, but answered by the host of a virtual machine in Azure: metadata, credentials of its agent. */
const AZURE_HOST = '168.63.129.16';

/** True for what is not on the public internet: this machine, private networks, clouds' metadata, and all else that IANA's
 *  special-purpose registries name. Nobody outside may have us ask there. */
export function isPrivateAddress(address: string): boolean {
  // Also finds IPv4 in IPv6's clothes: ::ffff:127.0.0.1.
  const parsed = ipaddr.process(address);
  if (parsed.range() !== 'unicast') return true;
  return parsed.kind() === 'ipv6' ? !(parsed as ipaddr.IPv6).match(GLOBAL_IPV6) : parsed.toString() === AZURE_HOST;
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
 *  a name that changes its mind between the two changes nothing. @param resolve how names are looked up */
export function publicLookupBy(resolve: typeof dnsLookup) {
  return (host: string, options: LookupOptions, answer: Answered): void =>
    resolve(host, { ...options, all: true }, (error, addresses) => {
      if (error) return answer(error, '');
      const found = addresses.find(({ address }) => isPrivateAddress(address));
      if (found) return answer(new PrivateAddressError(privateMessage(host, found.address)), '');
      if (options.all) return answer(null, addresses);
      answer(null, addresses[0]!.address, addresses[0]!.family);
    });
}

export const publicLookup = publicLookupBy(dnsLookup);

function privateMessage(host: string, address: string): string {
  return host === address
    ? `${host} is an address of a private network`
    : `${host} is ${address}, an address of a private network`;
}
