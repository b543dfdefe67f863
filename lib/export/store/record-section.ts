import type { Transaction } from '../../database/database.ts';
import {
  type ExportedRecord,
  type ExportFilter,
  readExportedRecords,
} from '../../projection/store/export-records.ts';
import type { Section } from '../ports/section.ts';

/** Returns the section with the live records of the query store. */
export function recordSection(on: Transaction, filter: ExportFilter): Section<ExportedRecord> {
  return {
    name: 'records',
    async readPage(after) {
      const position = after === null ? null : after.map(String);
      const { records, next } = await readExportedRecords(on, filter, position);
      return { items: records, next };
    },
  };
}
