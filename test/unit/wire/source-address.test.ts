import { describe, expect, it } from 'vitest';
import { SetupError } from '../../../lib/common/errors.ts';
import { readTrustedProxies } from '../../../lib/common/read-trusted-proxies.ts';
import { createSourceAddresses, networkOf } from '../../../lib/wire/source-address.ts';

const PROXIES = ['10.0.0.0/8', '192.0.2.7/32', 'fd00::/8'];

describe('the source address', () => {
  const sources = createSourceAddresses(PROXIES);
  const from = (peer: string, forwarded?: string | string[]) =>
    sources.of(peer, forwarded === undefined ? {} : { 'x-forwarded-for': forwarded });

  it.each([
    ['the peer if it is not a proxy', '203.0.113.1', '198.51.100.1', '203.0.113.1'],
    ['the peer if a proxy names no one', '10.1.2.3', undefined, '10.1.2.3'],
    ['the address that a proxy names', '10.1.2.3', '198.51.100.1', '198.51.100.1'],
    [
      'the right-most address, because the client wrote the others',
      '10.1.2.3',
      '1.1.1.1, 198.51.100.1',
      '198.51.100.1',
    ],
    [
      'the right-most address that is no proxy',
      '10.1.2.3',
      '1.1.1.1,198.51.100.1, 192.0.2.7,10.9.9.9',
      '198.51.100.1',
    ],
    ['the left-most address if all are proxies', '10.1.2.3', '10.0.0.1, 10.0.0.2', '10.0.0.1'],
    [
      'the valid address to the right of a malformed address',
      '10.1.2.3',
      '198.51.100.1, unknown, 10.0.0.2',
      '10.0.0.2',
    ],
    ['the peer if the header is malformed', '10.1.2.3', 'for=198.51.100.1', '10.1.2.3'],
    ['the IPv4 address of a mapped peer', '::ffff:203.0.113.1', undefined, '203.0.113.1'],
    ['the IPv4 address that a mapped proxy names', '::ffff:10.1.2.3', '::ffff:198.51.100.1', '198.51.100.1'],
    ['the address that a proxy names, without its port', '10.1.2.3', '198.51.100.1:4711', '198.51.100.1'],
    ['an IPv6 address in brackets', 'fd00::1', '[2001:db8::1]:4711', '2001:db8::1'],
    ['a bare IPv6 address', 'fd00::1', '2001:db8::1', '2001:db8::1'],
  ])('is %s', (_, peer, forwarded, expected) => {
    expect(from(peer, forwarded)).toBe(expected);
  });

  it('is read from X-Forwarded-For even if the header is repeated', () => {
    expect(from('10.1.2.3', ['1.1.1.1', '198.51.100.1'])).toBe('198.51.100.1');
  });

  it('is always the address of the peer if no proxy is trusted', () => {
    const { of, isProxy } = createSourceAddresses([]);
    expect(of('127.0.0.1', { 'x-forwarded-for': '198.51.100.1' })).toBe('127.0.0.1');
    expect(isProxy('127.0.0.1')).toBe(false);
  });

  it('distinguishes proxies from clients', () => {
    expect(['10.255.0.1', '::ffff:10.0.0.1', 'fd12::1', '192.0.2.7'].map(sources.isProxy)).not.toContain(
      false,
    );
    expect(['11.0.0.1', '192.0.2.8', 'fe80::1', '', 'x'].map(sources.isProxy)).not.toContain(true);
  });
});

describe('readTrustedProxies', () => {
  it.each([
    [undefined, []],
    ['', []],
    ['10.0.0.0/8, 192.0.2.7,fd00::/8,::1', ['10.0.0.0/8', '192.0.2.7/32', 'fd00::/8', '::1/128']],
  ])('reads %j', (TRUSTED_PROXIES, expected) => {
    expect(readTrustedProxies({ TRUSTED_PROXIES })).toEqual(expected);
  });

  it.each([
    ['proxy.example', '"proxy.example" is not a network; use addresses or CIDRs such as 10.0.0.0/8'],
    ['10.0.0.0/33', '"10.0.0.0/33" is not a network'],
    ['10.0.0/8', '"10.0.0/8" is not a network'],
    ['fd00::/129', '"fd00::/129" is not a network'],
    ['10.0.0.0/8,', '"" is not a network'],
    ['10.0.0.0/8/8', '"10.0.0.0/8/8" is not a network'],
    ['0.0.0.0/0', '"0.0.0.0/0" trusts every client to name its own address'],
    ['::/0', '"::/0" trusts every client'],
  ])('rejects %s', (TRUSTED_PROXIES, message) => {
    const read = () => readTrustedProxies({ TRUSTED_PROXIES });
    expect(read).toThrow(SetupError);
    expect(read).toThrow(`invalid TRUSTED_PROXIES: ${message}`);
  });
});

describe('the network that a limit counts', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('of %s is %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it('is the same for all IPv6 addresses of one subscriber', () => {
    expect(networkOf('2001:db8:1:2::1')).toBe(networkOf('2001:db8:1:2:ffff::9'));
  });
});
