/** The worker: owns the keys, the group and the connection to the service. */
export {};
