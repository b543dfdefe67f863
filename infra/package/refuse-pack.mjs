// `npm pack` runs this file in the root of the checkout, whose package has the same name as the package in `dist`. The
// checkout cannot be installed: Node does not compile TypeScript in `node_modules`.
console.error(
  'cognito-sync-backend: the checkout cannot be installed as a package; run npm run build && npm pack ./dist',
);
process.exitCode = 1;
