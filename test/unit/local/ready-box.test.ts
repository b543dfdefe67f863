import type { NetworkInterfaceInfo } from 'node:os';
import { expect, it } from 'vitest';
import { clientUrls } from '../../../infra/local/ready-box.ts';

const address = (given: Pick<NetworkInterfaceInfo, 'address' | 'family' | 'internal'>) =>
  ({ netmask: '', mac: '', cidr: null, ...given }) as NetworkInterfaceInfo;

const interfaces = {
  lo: [address({ address: '127.0.0.1', family: 'IPv4', internal: true })],
  wlan0: [
    address({ address: '192.168.1.20', family: 'IPv4', internal: false }),
    address({ address: 'fe80::1', family: 'IPv6', internal: false }),
  ],
};

it.each([
  ['0.0.0.0', ['http://192.168.1.20:4580']],
  ['::', ['http://192.168.1.20:4580']],
  ['10.0.0.5', ['http://10.0.0.5:4580']],
  ['fd00::5', ['http://[fd00::5]:4580']],
])('clientUrls returns the addresses that a phone can reach if HOST=%s', (host, urls) => {
  expect(clientUrls(host, '4580', interfaces)).toEqual(urls);
});

it('clientUrls returns the wildcard address if the machine has only loopback addresses', () => {
  expect(clientUrls('0.0.0.0', '4580', { lo: interfaces.lo })).toEqual(['http://0.0.0.0:4580']);
});
