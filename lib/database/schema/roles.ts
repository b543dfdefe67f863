/** The role people and the query API read as: it sees the views of schema `query` and nothing else. */
export const READER_ROLE = 'query_reader';

/**
 * The role that the deployed functions are in an Aurora DSQL cluster: it reads and changes the rows of schema
 * `projection`, and makes, alters and drops nothing.
 */
export const WRITER_ROLE = 'query_writer';
