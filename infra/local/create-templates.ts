import { messageOfThrown } from '../../lib/common/thrown.ts';
import { createTemplates } from '../../lib/database/embedded-template.ts';

// `npm ci` runs this file, so that the first `npm start` and the tests copy a database instead of creating one.
// A failure here must not fail the installation: without a template, the first start creates the database itself.
await createTemplates().catch((error: unknown) => {
  console.error(
    `cognito-sync-backend: cannot create the template of the database, so the first start takes longer: ${messageOfThrown(error)}`,
  );
});
