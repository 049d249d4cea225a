import './console.css'; document.title='x';
