// Preloaded by every script. Its syntax works on every Node version, so an outdated one gets a one-line error.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    `cognito-sync-backend: Node ${process.versions.node} is too old; install Node 24 or newer (on Linux x64 and arm64, \`npm ci\` installs it unless optional packages are omitted)`,
  );
  process.exit(1);
}
