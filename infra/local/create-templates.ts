import { createTemplates } from '../../lib/database/embedded-template.ts';

// `npm ci` runs this file, so that the first `npm start` and the tests copy a database instead of creating one.
await createTemplates();
