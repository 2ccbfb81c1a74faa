/** What a browser must be able to do. */
/** Something that this browser lacks. */
export type Lack = "secure_context" | "peer_connection" | "encoded_transform" | "wasm" | "worker";
/** Why a browser that lacks it cannot take part, for a person. */
export declare const LACK_IN_WORDS: Readonly<Record<Lack, string>>;
/** Whether frames go through `RTCRtpScriptTransform`; otherwise `createEncodedStreams` is used. */
export declare function hasScriptTransform(): boolean;
/**
 * The configuration of a connection whose senders and receivers are given to a conference: without
 * `RTCRtpScriptTransform`, encoded frames are to be had only where that was asked for at once.
 */
export declare function connectionConfig(config?: RTCConfiguration): RTCConfiguration;
/** Everything that this browser lacks; empty if it can take part. */
export declare function lacks(): Lack[];
