/** The elements of `index.html`. */
/** The element of an id, of the class it must have. */
export function byId(id, type) {
    const element = document.getElementById(id);
    if (!(element instanceof type))
        throw new Error(`index.html has no ${type.name} #${id}`);
    return element;
}
/** A new element with a class and text. */
export function make(tag, className = "", text = "") {
    const element = document.createElement(tag);
    if (className)
        element.className = className;
    if (text)
        element.textContent = text;
    return element;
}
/** A symbol of `index.html`, for the eye only: what it says must be in a text as well. */
export function icon(name, className = "") {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", `icon ${className}`);
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `#i-${name}`);
    svg.append(use);
    return svg;
}
/** Shows a text, or hides the element without one. */
export function show(element, text) {
    element.textContent = text;
    element.hidden = text === "";
}
/** Sets a toggle, its icon and what it will do. */
export function press(button, on, iconOn, iconOff) {
    button.setAttribute("aria-pressed", String(on));
    button.querySelector("use")?.setAttribute("href", `#i-${on ? iconOn : iconOff}`);
}
