// The token of a one-time link stands behind #: into the form with it, and out of the address line.
addEventListener("hashchange", () => location.reload()); // a link pasted into an open login page
const token = location.hash.slice(1);
const byLink = document.getElementById("by-link");
if (token) {
  history.replaceState(null, "", location.pathname + location.search);
  byLink.elements.token.value = token;
  byLink.hidden = false;
  document.getElementById("by-password").hidden = true;
  byLink.querySelector("button").focus();
} else if (!document.querySelector("[role=alert]")) {
  // A link from elsewhere came without the cookie; from here it is sent, if there is one.
  fetch("/login/state").then((answer) => {
    if (answer.status === 204) location.replace(byLink.elements.next.value);
  });
}
