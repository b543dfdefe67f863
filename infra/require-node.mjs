// Every npm script preloads this file. The file uses only syntax that every Node version can parse, so that an outdated
// version prints the error below instead of a syntax error.
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    `cognito-sync-backend: Node ${process.versions.node} is too old; install Node 24 or newer. On Linux (x64, arm64), \`npm ci\` installs Node 24 for the npm scripts, unless you omit optional packages (--omit=optional).`,
  );
  process.exit(1);
}

// Node keeps compiled modules here, which halves the time to load this project. If the folder cannot be written, Node
// continues without a cache. The variable enables the cache in threads and child processes as well.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url));
module.enableCompileCache(process.env.NODE_COMPILE_CACHE);
