import { SetupError } from '../../../lib/common/errors.ts';
import { isObject } from '../../../lib/common/json.ts';
import { checkParameters, type Deployment, NO_PARAMETERS } from './check-parameters.ts';

/** The argument that the Serverless Framework passes to a function that computes a variable of serverless.yml. */
interface Resolvers {
  resolveVariable: (variable: string) => Promise<unknown>;
  /** Returns the part of serverless.yml at a path, which lists the keys from the outside in. */
  resolveConfigurationProperty: (path: readonly string[]) => Promise<unknown>;
  /** Options of the command line. */
  options: Readonly<Record<string, unknown>>;
}

/**
 * Reads and checks the parameters of a deployment before anything is packaged. The result is the value of
 * `${file(infra/stack/parameters/parameters.js):deployment}` in serverless.yml.
 *
 * @throws {SetupError} a parameter is invalid; the message names each one and never contains a secret value
 */
export async function deployment(resolvers: Resolvers): Promise<Deployment> {
  const { resolveVariable } = resolvers;
  const given = await Promise.all(
    Object.keys(NO_PARAMETERS).map(
      async (name) => [name, toText(await resolveVariable(`param:${name}`))] as const,
    ),
  );
  const stage = toText(await resolveVariable('sls:stage'));
  const region = toText(await resolveVariable('self:provider.region'));
  const names = await givenNames(resolvers, stage);
  try {
    return checkParameters(Object.fromEntries(given), { stage, region, names });
  } catch (error) {
    // If an error has a stack trace, the framework prints it instead of the message.
    if (error instanceof SetupError) error.stack = '';
    throw error;
  }
}

/** Returns the names of all given parameters, including unknown ones. */
async function givenNames(
  { options, resolveConfigurationProperty }: Resolvers,
  stage: string,
): Promise<string[]> {
  const written = await Promise.all(
    ['default', stage].map((of) => resolveConfigurationProperty(['params', of]).catch(() => null)),
  );
  const said = Array.isArray(options.param)
    ? options.param.map((text) => String(text).split('=', 1)[0] ?? '')
    : [];
  return [...written.flatMap((params) => (isObject(params) ? Object.keys(params) : [])), ...said];
}

/** Converts a parameter to text. YAML parses an unquoted `on` or `off` as a boolean, so booleans are converted back. */
function toText(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return typeof value === 'string' || typeof value === 'number' ? String(value).trim() : '';
}
