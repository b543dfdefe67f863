import { SetupError } from '../../../lib/common/errors.ts';

/**
 * Creates a `catch` handler for a server that cannot listen. It explains the system's errors EADDRINUSE, EACCES and
 * EADDRNOTAVAIL to the user who set the variable.
 *
 * @returns a function that throws {SetupError}, or rethrows any other error
 */
export function portTaken(variable: 'PORT' | 'PG_PORT', port = 0): (error: unknown) => Promise<never> {
  return async (error) => {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EADDRINUSE') {
      throw new SetupError(
        `${variable}=${port} is taken by ${await describeHolder(variable, port)}; stop it, or set ${variable} to another port`,
      );
    }
    if (code === 'EACCES') {
      throw new SetupError(
        `${variable}=${port} is not permitted for this user; set ${variable} to a port above 1023`,
      );
    }
    if (code === 'EADDRNOTAVAIL') {
      throw new SetupError(
        'HOST is not an address of this machine; use an address of this machine, or 0.0.0.0 for all addresses',
      );
    }
    throw error;
  };
}

async function describeHolder(variable: 'PORT' | 'PG_PORT', port: number): Promise<string> {
  if (variable === 'PORT') {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/healthz`, {
        signal: AbortSignal.timeout(500),
        redirect: 'error',
      });
      const health: unknown = await answer.json();
      if (isOurs(health)) return `another cognito-sync-backend, process ${health.pid}`;
    } catch {
      // No program responded, or the program is not a local cloud.
    }
  }
  return 'another program';
}

function isOurs(health: unknown): health is { pid: number } {
  if (typeof health !== 'object' || health === null || !('service' in health) || !('pid' in health))
    return false;
  return health.service === 'cognito-sync-backend' && Number.isInteger(health.pid);
}
