import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';

/** The npm package itself, and TypeScript, which `rules check` uses only if the user has installed it. */
const NOT_REQUIRED = ['cognito-sync-backend', 'typescript'];

/**
 * Returns the names of the packages that must be installed for these imports: the imported packages, and the packages
 * that they require as peers. Some installations do not install peers automatically, for example those of npm with
 * `legacy-peer-deps`.
 *
 * @param specifiers the specifiers of all imports; those of Node's modules and of other files are ignored
 */
export async function findPackages(specifiers: readonly string[]): Promise<string[]> {
  const names = specifiers.filter(isInPackage).map(packageOf);
  const imported = new Set(names.filter((name) => !NOT_REQUIRED.includes(name)));
  const peers = await Promise.all([...imported].map(requiredPeersOf));
  return [...new Set([...imported, ...peers.flat()])];
}

/** Whether the module belongs to an npm package. It can also be one of Node's, a file, or esbuild's `<runtime>`. */
function isInPackage(specifier: string): boolean {
  return !isBuiltin(specifier) && !/^[./<]/.test(specifier);
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}

async function requiredPeersOf(name: string): Promise<string[]> {
  const manifest = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  const { peerDependencies = {}, peerDependenciesMeta = {} } = JSON.parse(await readFile(manifest, 'utf8'));
  return Object.keys(peerDependencies).filter((peer) => !peerDependenciesMeta[peer]?.optional);
}
