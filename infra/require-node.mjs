// Every npm script preloads this file. The file uses only syntax that every Node version can parse, so that an outdated
// version prints the error below instead of a syntax error.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    `cognito-sync-backend: Node ${process.versions.node} is too old; install Node 24 or newer. On Linux (x64, arm64), \`npm ci\` installs Node 24 for the npm scripts, unless you omit optional packages (--omit=optional).`,
  );
  process.exit(1);
}
