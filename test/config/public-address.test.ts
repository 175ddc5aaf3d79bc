import { expect, test } from '@jest/globals';
import { hostOf, isPrivateAddress, publicLookup, refusalOfUrl } from '../../src/config/index.ts';

test.each([
  ...['0.0.0.0', '10.0.0.1', '100.64.0.1', '127.0.0.1', '127.255.255.254', '169.254.169.254', '172.16.0.1'],
  ...['172.31.255.255', '192.0.0.8', '192.168.1.1', '198.19.0.1', '224.0.0.1', '255.255.255.255'],
  ...['::', '::1', '::ffff:10.0.0.1', '::ffff:7f00:1', '64:ff9b::a00:1', 'fc00::1', 'fd12::1', 'fe80::1', 'ff02::1'],
])('%s is not on the public internet', (address) => {
  expect(isPrivateAddress(address)).toBe(true);
});

test.each(['1.1.1.1', '9.255.255.255', '11.0.0.0', '172.15.0.1', '172.32.0.1', '192.167.1.1', '223.255.255.255'])(
  '%s is',
  (address) => expect(isPrivateAddress(address)).toBe(false),
);
test.each(['2606:4700:4700::1111', '2a00:1450:4001::200e', '::ffff:1.1.1.1'])('%s is', (address) =>
  expect(isPrivateAddress(address)).toBe(false),
);

test('an address is judged however it is written, and may be allowed by its host', async () => {
  for (const url of [
    'http://127.0.0.1/',
    'http://0x7f.1/',
    'http://2130706433/',
    'http://[::1]:8080/',
    'http://localhost/',
  ]) {
    expect(await refusalOfUrl(url, [])).toContain('private network');
    expect(await refusalOfUrl(url, [hostOf(url)])).toBeUndefined();
  }
  expect(await refusalOfUrl('https://1.1.1.1/', [])).toBeUndefined();
});

test('what a name is when it is connected to decides', async () => {
  const looked = (options: object) =>
    new Promise((resolve) => publicLookup('localhost', options, (error, address) => resolve(error ?? address)));
  expect(await looked({})).toMatchObject({ message: expect.stringContaining('private network') });
  expect(await looked({ all: true })).toMatchObject({ message: expect.stringContaining('private network') });
});
test.each(['168.63.129.16', '::127.0.0.1', '5f00::1', '2002:7f00:1::'])(
  '%s is not, whatever its number says',
  (address) => expect(isPrivateAddress(address)).toBe(true),
);
