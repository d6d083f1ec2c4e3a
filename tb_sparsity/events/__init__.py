"""What is in the event files: written for training, read back for the tab. Knows neither Keras nor the page."""
