/**
 * What the page and the worker say to each other. Keys, MLS state and plain frames never travel
 * here: the worker has them and keeps them.
 */
export {};
