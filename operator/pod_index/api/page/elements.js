// Elements of the page.

const $ = (id) => document.getElementById(id);
const search = (parameters) => "?" + new URLSearchParams(parameters);

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// Invisible characters, and those that change the direction of text, are shown as codes.
function write(element, text) {
  element.textContent = "";
  for (const [at, piece] of text.split(INVISIBLE).entries()) {
    element.append(at % 2 ? make("span", { className: "code" }, code(piece)) : piece);
  }
}

// For screen readers.
function announce(text) {
  $("announcement").textContent = plain(text);
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS only this old API works.
    const area = make("textarea", { value: text, className: "unseen" });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  const before = button.dataset.text ??= button.textContent;
  button.textContent = "Copied";
  announce("Copied");
  setTimeout(() => { button.textContent = before; }, 1500);
}

function copyButton(what, text, shown = "Copy") {
  const button = make("button", { type: "button", ariaLabel: what ? `${shown} ${what}` : shown }, shown);
  button.onclick = () => copy(text(), button);
  return button;
}

function flash(element) {
  element.classList.remove("changed");
  void element.offsetWidth; // restarts the animation
  element.classList.add("changed");
}
