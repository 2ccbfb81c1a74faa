/** What a conference is asked for, and what it tells. */
export {};
