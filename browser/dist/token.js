/** What room tokens of our own say: to choose what to show. The service and the members check them. */
/** What a token says; nothing for what is none. */
export function claimsOf(token) {
    try {
        const claims = (token?.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
        const said = JSON.parse(atob(claims));
        return said && typeof said === "object" ? said : {};
    }
    catch {
        return {};
    }
}
