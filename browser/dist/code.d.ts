/** What people compare. */
import type { CodeFact } from "./facts.js";
/** A group code or a safety number, in every form in which it can be shown. */
export declare class Code {
    /** Groups of five digits, to be read aloud: six of a group code, twelve of a safety number. */
    readonly digits: string;
    /** What its QR code holds. A safety number's begins with our half, the other's with theirs. */
    readonly qrText: string;
    /** The QR code as an SVG document, dark on light. */
    readonly qrSvg: string;
    constructor(fact: CodeFact);
    /** The digits. */
    toString(): string;
}
