// Every npm script preloads this file. Every Node version can parse it, so an outdated version prints the error below.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    `cognito-sync-backend: Node ${process.versions.node} is too old; install Node 24 or newer. On Linux (x64, arm64), \`npm ci\` installs Node 24 for the npm scripts, unless you omit optional packages (--omit=optional).`,
  );
  process.exit(1);
}
