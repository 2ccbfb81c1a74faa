/** What people compare. */
/** A group code or a safety number, in every form in which it can be shown. */
export class Code {
    /** Groups of five digits, to be read aloud: six of a group code, twelve of a safety number. */
    digits;
    /** What its QR code holds. A safety number's begins with our half, the other's with theirs. */
    qrText;
    /** The QR code as an SVG document, dark on light. */
    qrSvg;
    constructor(fact) {
        this.digits = fact.digits;
        this.qrText = fact.qrText;
        this.qrSvg = fact.qrSvg;
    }
    /** The digits. */
    toString() {
        return this.digits;
    }
}
