/** Stamped into every record as its `version`; equal to the package's (a test compares them). */
export const libraryVersion = '0.1.0';
