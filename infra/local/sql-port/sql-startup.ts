import type { Database } from '../../../lib/database/database.ts';
import { cString, frame, int32, ProtocolError, readCString, readText } from './sql-messages.ts';

const VERSION_3_0 = 0x00030000;

/** A packet before the start of the session. The version numbers are those of the protocol. */
export type StartupPacket =
  | { kind: 'cancel' | 'ssl' | 'encryption' }
  /**
   * `reply` must be sent first. It is empty unless the client requested a newer version than 3.0 or unknown options.
   */
  | { kind: 'start'; reply: Uint8Array };

/** @throws {ProtocolError} the packet is unknown to PostgreSQL */
export function readStartupPacket(packet: Uint8Array): StartupPacket {
  const bytes = Buffer.from(packet);
  const version = bytes.readUInt32BE(4);
  if (version === 80877102) return { kind: 'cancel' };
  if (version === 80877103) return { kind: 'ssl' };
  if (version === 80877104) return { kind: 'encryption' };
  if (version >>> 16 !== 3) {
    throw new ProtocolError(`unsupported frontend protocol ${version >>> 16}.${version & 0xffff}`);
  }
  const names = readNames(bytes);
  if (!names.includes('user')) throw new ProtocolError('no PostgreSQL user name specified in startup packet');
  const unknownOptions = names.filter((name) => name.startsWith('_pq_.'));
  if (version === VERSION_3_0 && unknownOptions.length === 0) {
    return { kind: 'start', reply: new Uint8Array() };
  }
  // NegotiateProtocolVersion contains the newest supported version and the options that are not supported.
  const reply = frame('v', int32(VERSION_3_0), int32(unknownOptions.length), ...unknownOptions.map(cString));
  return { kind: 'start', reply };
}

/** Reads the names of the parameters: pairs of strings, terminated by an empty name. */
function readNames(packet: Buffer): string[] {
  const names: string[] = [];
  for (let at = 8; ; ) {
    const name = readText(packet, at);
    if (name === '') return names;
    names.push(name);
    at = readCString(packet, readCString(packet, at).next).next;
  }
}

/** Settings that a server reports at the start of a session; psql and drivers depend on them. */
const REPORTED = [
  'server_version',
  'server_encoding',
  'client_encoding',
  'DateStyle',
  'IntervalStyle',
  'TimeZone',
  'integer_datetimes',
  'standard_conforming_strings',
];

/** Returns the settings that are reported to a client at startup, as a map from names to the values in the database. */
export async function readReportedSettings(database: Pick<Database, 'query'>): Promise<Map<string, string>> {
  const { rows } = await database.query<{ name: string; setting: string }>(
    'select name, setting from pg_settings where name in (select unnest($1::text[]))',
    [REPORTED],
  );
  const settings = new Map(rows.map(({ name, setting }) => [name, setting]));
  // Every statement is read-only. Connection pools and drivers use this setting to tell a primary from a replica.
  return settings.set('default_transaction_read_only', 'on').set('is_superuser', 'off');
}
