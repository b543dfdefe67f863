import { messageOfThrown } from '../../lib/common/thrown.ts';
import { createTemplates } from '../../lib/database/embedded-template.ts';

// `npm ci` runs this file, so that the first `npm start` and the tests copy a database instead of creating one.
// The first start then creates the database itself, so a failure must not fail the installation.
await createTemplates().catch((error: unknown) => {
  console.error(`cognito-sync-backend: no template of the database was created: ${messageOfThrown(error)}`);
});
