// Preloaded by every script, in syntax that any Node reads: on one too old for the rest, says so in one line.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    `cognito-sync-backend: Node ${process.versions.node} is too old; install Node 24 or newer (on Linux x64 and arm64 \`npm ci\` brings it, unless told to leave out optional packages)`,
  );
  process.exit(1);
}
