"""What every other room stands on: errors' neighbours, arrays, files, processes; no science."""
