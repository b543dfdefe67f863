// The package's own version of ../require-node.mjs. The file uses only syntax that every Node version can parse, so
// that an outdated version prints the error below instead of a syntax error.
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `cognito-sync-backend: Node ${process.versions.node} is too old; install Node 22.18 or newer`,
  );
  process.exit(1);
}

// Node keeps compiled modules here, which halves the time to load this package. If the folder cannot be written, Node
// continues without a cache. The variable enables the cache in threads and child processes as well.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../.cache', import.meta.url));
module.enableCompileCache(process.env.NODE_COMPILE_CACHE);

// Node 22 prints a warning when SQLite is used. The package uses only SQLite's file lock, so this warning is not
// printed.
const { emitWarning } = process;
process.emitWarning = (warning, ...more) => {
  if (more[0] === 'ExperimentalWarning' && String(warning).startsWith('SQLite')) return;
  Reflect.apply(emitWarning, process, [warning, ...more]);
};
