// The pages lie side by side at the root: Streamlit need not try where its server is.
window.__streamlit = { BACKEND_BASE_URL: `${location.origin}/` };
// A library of Streamlit's would compile WebAssembly, which our policy forbids; without it, it counts itself.
delete window.WebAssembly;
