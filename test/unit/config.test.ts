import { describe, expect, it } from 'vitest';
import { readDatabaseUrl, readLocalConfig } from '../../lib/config.ts';
import { SetupError } from '../../lib/errors.ts';

describe('the environment of the local cloud', () => {
  it('may be empty', () => {
    expect(readLocalConfig({ PORT: '', DATABASE_URL: '' })).toEqual({
      host: '127.0.0.1',
      port: 4580,
      sqlPort: 4581,
      dataDir: '.data',
      databaseUrl: undefined,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
  });

  it('sets everything', () => {
    const DATABASE_URL = 'postgres://u:p@db:5433/sync?sslmode=require';
    expect(
      readLocalConfig({
        HOST: '::1',
        PORT: '0',
        PG_PORT: '65535',
        DATA_DIR: '/data',
        DATABASE_URL,
        AWS_REGION: 'ap-southeast-2',
        AWS_ACCESS_KEY_ID: 'id',
        AWS_SECRET_ACCESS_KEY: 'secret',
      }),
    ).toEqual({
      host: '::1',
      port: 0,
      sqlPort: 65535,
      dataDir: '/data',
      databaseUrl: DATABASE_URL,
      region: 'ap-southeast-2',
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
    });
  });

  it.each([
    [{ PORT: 'abc' }, 'PORT=abc is not a port'],
    [{ PORT: '65536' }, 'PORT=65536 is not a port'],
    [{ PORT: '-1' }, 'PORT=-1 is not a port'],
    [{ PG_PORT: '1e3' }, 'PG_PORT=1e3 is not a port'],
    [{ HOST: '0.0.0.0' }, 'HOST=0.0.0.0 is not a loopback address'],
    [{ AWS_REGION: 'moon' }, 'AWS_REGION=moon is not the name of a region'],
    [{ AWS_ACCESS_KEY_ID: 'id' }, 'only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set'],
    [{ DATABASE_URL: 'nonsense' }, 'DATABASE_URL is not the address of a PostgreSQL database'],
    [{ DATABASE_URL: 'mysql://u:secret@h/d' }, 'DATABASE_URL is not the address of a PostgreSQL database'],
  ])('refuses %o, in one line', (env, message) => {
    expect(() => readLocalConfig(env)).toThrow(SetupError);
    expect(() => readLocalConfig(env)).toThrow(message);
    expect(() => readLocalConfig(env)).not.toThrow(/\n|secret/);
  });

  it('needs a database address where a function asks for one', () => {
    expect(() => readDatabaseUrl({})).toThrow('DATABASE_URL is not set; it looks like postgres://');
  });
});
